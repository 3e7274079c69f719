echo "preparing $1"

echo "testing the web: $1"

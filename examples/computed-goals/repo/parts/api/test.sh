echo "testing the api: $1"

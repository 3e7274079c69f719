# Says where something is printed that is not quoted, as compilers say it.
grep -n 'echo [^"]*\$' greet.sh | sed 's/:.*//' | while read -r line; do
  echo "greet.sh:$line:1: warning: quote what is printed"
done

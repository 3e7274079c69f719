# Greets whoever the page names; the page comes from the container beside this one.
until wget -q -O - http://pages:8080/name > name; do sleep 0.1; done
test "$(sh ./greet.sh "$(cat name)")" = "Hello, Ada"
echo "greeted $(cat name)"

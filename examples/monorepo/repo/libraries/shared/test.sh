#!/bin/sh
# Stands for the tests of libraries/shared.
set -eu
test -s README.md
echo "libraries/shared is fine"

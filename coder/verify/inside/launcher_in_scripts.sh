#!/bin/sh
# Stands for uv, poetry and the like on the PATH of a test command that is a script: `uv run pytest` runs pytest
# in the mounted environment of the project. The launcher itself would want the network, or isn't in the sandbox.
here=${0%/*}
name=${0##*/}
if [ "$1" = run ]; then
    shift
    while :; do
        case $1 in
            -m | --module) shift; exec python -m "$@" ;;
            --env-file | --extra | --group | --only-group | --no-group | --python | -p) shift 2 ;;
            -*) shift ;;
            *.py) exec python "$@" ;;
            *) [ $# -gt 0 ] && exec "$@"; exit 2 ;;
        esac
    done
fi
IFS=:
for folder in $PATH; do
    [ "$folder" != "$here" ] && [ -x "$folder/$name" ] && exec "$folder/$name" "$@"
done
echo "$name: not found" >&2
exit 127

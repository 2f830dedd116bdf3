#!/usr/bin/env bash
# Run a suite or grade answers, write the reports, and hold them to a gate: what action.yml does, and any CI can.
#
# Reads from the environment, all but SUITE may be empty:
#   SUITE      a suite's name, file or folder
#   ANSWERS    samples to grade; without it a model answers
#   MODEL      who answers
#   ARGUMENTS  more flags of `coder bench run`, or of `coder bench grade` for ANSWERS, quoted as in a shell
#   MIN_PASS, MIN_STRENGTH, BASELINE, MAX_DROP, MAX_COST   conditions, as `coder gate` has them; a run ends at MAX_COST, too
#   STRICT     `true`: compare scores alone, as is done for ANSWERS unless it is `false`
#   UNDECIDED  whether a gate that can't tell is to `warn` (as it does by default) or to `fail`
#   FOLDER     where report.json, report.html, junit.xml, badge.svg and cases/, a page per sample, go (coder-report)
#   SUMMARY    a file that gets a Markdown summary (GITHUB_STEP_SUMMARY)
#   GITHUB_OUTPUT  a file that gets the outputs of action.yml, a line each
# Exit codes: those of `coder gate`, and of the run where it gave no report or left samples unjudged.
set -euo pipefail

folder=${FOLDER:-coder-report}
report=$folder/report.json
answers=$folder/answers.jsonl
summary=${SUMMARY:-${GITHUB_STEP_SUMMARY:-}}

put() {
    [ -z "${GITHUB_OUTPUT:-}" ] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# End before anything is paid or judged.
refuse() {
    [ $# -eq 0 ] || printf '%s\n' "$*" >&2
    put exit-code 2
    exit 2
}
case ${STRICT:-} in '' | true | false) ;; *) refuse "STRICT has to be true or false, not $STRICT." ;; esac
case ${UNDECIDED:-} in '' | warn | fail) ;; *) refuse "UNDECIDED has to be warn or fail, not $UNDECIDED." ;; esac
# As a shell quotes them, but nothing is expanded or run.
split='import os, shlex; [os.write(1, os.fsencode(word) + b"\0") for word in shlex.split(os.environ.get("ARGUMENTS", ""))]'
readarray -d '' -t more < <(python3 -c "$split" 2>/dev/null)
wait "$!" || refuse "ARGUMENTS can't be split into flags: ${ARGUMENTS}"
# Of the run and the gate alike, so that all reports count as the gate does.
strength=(${MIN_STRENGTH:+--min-strength "$MIN_STRENGTH"})
mkdir -p "$folder"
rm -f "$report"

# End with the exit code of the gate, or else of the run; say what the run's own means, in the log and the summary.
finish() {
    local gate=$1 code why
    code=$gate
    [ "$code" -ne 0 ] || code=$ended
    put exit-code "$code"
    [ "$ended" -ne 0 ] || exit "$code"
    case $ended in
    2) why="the suite, the answers or a flag can't be used" ;;
    3) why="the limit of cost or time was reached, and samples are left without an answer" ;;
    4) why="the model's endpoint gave no answer" ;;
    5) why="this machine kept samples from being judged" ;;
    130) why="it was interrupted" ;;
    *) why="it ended unexpectedly" ;;
    esac
    why="\`coder bench $command\` ended with exit code $ended: $why."
    [ ! -e "$report" ] || why="$why Its report is incomplete."
    [ "$code" -eq "$gate" ] || why="The job fails whatever the gate says: $why"
    printf '%s\n' "$why" >&2
    [ -z "$summary" ] || printf '\n**%s** The log says more.\n' "$why" >>"$summary"
    exit "$code"
}

conditions=(${strength[@]+"${strength[@]}"})
[ -z "${MIN_PASS:-}" ] || conditions+=(--min-pass "$MIN_PASS")
[ -z "${BASELINE:-}" ] || conditions+=(--baseline "$BASELINE")
[ -z "${MAX_DROP:-}" ] || conditions+=(--max-drop "$MAX_DROP")
[ -z "${MAX_COST:-}" ] || conditions+=(--max-cost "$MAX_COST")
if [ ${#conditions[@]} -gt 0 ]; then
    [ "${STRICT:-${ANSWERS:+true}}" != true ] || conditions+=(--strict)
    coder gate --check --suite "$SUITE" "${conditions[@]}" || refuse
fi

ended=0
if [ -n "${ANSWERS:-}" ]; then
    command=grade
    answers=$ANSWERS
    coder bench grade "$SUITE" --samples "$answers" --no-results --pages "$folder/cases" \
        ${strength[@]+"${strength[@]}"} ${more[@]+"${more[@]}"} --out "$report" || ended=$?
else
    command=run
    coder bench run "$SUITE" ${MODEL:+--model "$MODEL"} ${MAX_COST:+--max-cost "$MAX_COST"} ${strength[@]+"${strength[@]}"} \
        ${more[@]+"${more[@]}"} --answers "$answers" --pages "$folder/cases" --out "$report" || ended=$?
fi
[ -e "$report" ] || finish 0
case $ended in 1 | 11) ended=0 ;; esac # what --until-decided has decided, the gate says again

put report "$report"
for row in 'pass-at-1 ["pass_at"]["1"]' 'cost ["cost_usd"]'; do
    value=$(python3 -c "import json, sys; print(json.load(open(sys.argv[1]))${row#* })" "$report")
    put "${row%% *}" "${value/#None/}"
done
coder bench report "$report" --samples "$answers" --html "$folder/report.html" --pages "$folder/cases" \
    --junit "$folder/junit.xml" --badge "$folder/badge.svg"

if [ ${#conditions[@]} -eq 0 ]; then
    [ -z "$summary" ] || coder bench report "$report" --markdown "$folder/summary.md"
    [ -z "$summary" ] || cat "$folder/summary.md" >>"$summary"
    finish 0
fi
gate=0
coder gate "$report" "${conditions[@]}" ${summary:+--summary "$summary"} || gate=$?
case $gate in
0) put gate passed ;;
1 | 8) put gate failed ;;
11)
    put gate undecided
    if [ "${UNDECIDED:-warn}" = warn ]; then
        gate=0
        echo "::warning::The gate is undecided: these samples can't tell." >&2
    fi
    ;;
esac
finish "$gate"

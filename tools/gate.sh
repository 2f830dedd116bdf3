#!/usr/bin/env bash
# Run a suite or grade answers, write the reports, and hold them to a gate: what action.yml does, and any CI can.
#
# Reads from the environment, all but SUITE may be empty:
#   SUITE      a suite's name, file or folder
#   ANSWERS    samples to grade; without it a model answers
#   MODEL      who answers; ARGUMENTS: more flags of `coder bench run`, separated by blanks
#   MIN_PASS, BASELINE, TOLERANCE, MAX_COST   conditions, as `coder gate` has them
#   FOLDER     where report.json, report.html and junit.xml go (coder-report)
#   SUMMARY    a file that gets a Markdown summary (GITHUB_STEP_SUMMARY)
# Exit codes: those of `coder gate`, and of the run where it gave no report or left samples unjudged.
set -euo pipefail

folder=${FOLDER:-coder-report}
report=$folder/report.json
answers=$folder/answers.jsonl
mkdir -p "$folder"
rm -f "$report"

ended=0
if [ -n "${ANSWERS:-}" ]; then
    answers=$ANSWERS
    coder bench grade "$SUITE" --samples "$answers" --no-results --out "$report" || ended=$?
else
    read -r -a more <<<"${ARGUMENTS:-}"
    coder bench run "$SUITE" ${MODEL:+--model "$MODEL"} ${more[@]+"${more[@]}"} \
        --answers "$answers" --out "$report" || ended=$?
fi
[ -e "$report" ] || exit "$ended"

coder bench report "$report" --samples "$answers" --html "$folder/report.html" --junit "$folder/junit.xml"

summary=${SUMMARY:-${GITHUB_STEP_SUMMARY:-}}
conditions=()
[ -z "${MIN_PASS:-}" ] || conditions+=(--min-pass "$MIN_PASS")
[ -z "${BASELINE:-}" ] || conditions+=(--baseline "$BASELINE" --tolerance "${TOLERANCE:-0}")
[ -z "${MAX_COST:-}" ] || conditions+=(--max-cost "$MAX_COST")
if [ ${#conditions[@]} -eq 0 ]; then
    [ -z "$summary" ] || coder bench report "$report" --markdown "$folder/summary.md"
    [ -z "$summary" ] || cat "$folder/summary.md" >>"$summary"
    exit "$ended"
fi
coder gate "$report" "${conditions[@]}" ${summary:+--summary "$summary"}
exit "$ended"

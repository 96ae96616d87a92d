"""Reads `failoverctl drill --json` as a consumer of it would, and says no to what is not promised."""

import json
import sys

# The members of DESIGN section 10.
PROMISED = {
    "scenario": str,
    "passed": bool,
    "speed": int,
    "clocks": dict,
    "users": dict,
    "objective": dict,
    "invariants": list,
}
CLOCKS = {"detect_s", "decide_s", "execute_s", "total_s"}
USERS = {"requests", "failed", "read_downtime_s", "write_downtime_s", "lost_writes"}
STEP = {"id", "uses", "status", "started_s", "ended_s"}


def main():
    name = sys.argv[1]
    report = json.load(sys.stdin)
    wrong = [
        f"{member} is {type(report.get(member)).__name__}, not {kind.__name__}"
        for member, kind in PROMISED.items()
        if not isinstance(report.get(member), kind)
    ]
    if wrong:
        sys.exit(f"{name}: {'; '.join(wrong)}")
    for member, promised in (("clocks", CLOCKS), ("users", USERS)):
        if missing := promised - set(report[member]):
            sys.exit(f"{name}: {member} lacks {sorted(missing)}")
    if {"rto_s", "rpo_s", "met"} - set(report["objective"]):
        sys.exit(f"{name}: objective is {report['objective']}")
    # Present even where it is null: there the right thing was to do nothing.
    if "run" not in report:
        sys.exit(f"{name}: run is missing")
    for step in (report["run"] or {}).get("steps", []):
        if missing := STEP - set(step):
            sys.exit(f"{name}: step {step.get('id')} lacks {sorted(missing)}")
    broken = [i["name"] for i in report["invariants"] if not i["held"]]
    if broken or not report["invariants"]:
        sys.exit(f"{name}: invariants not held: {broken}")
    if report["scenario"] != name or not report["passed"]:
        sys.exit(f"{name}: {report['scenario']} did not pass")


if __name__ == "__main__":
    main()

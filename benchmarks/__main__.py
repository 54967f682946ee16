"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import (
    checks,
    compiling,
    composing,
    events,
    ledger,
    memory,
    public,
    reports,
    segments,
    sendgrid,
    sizes,
    smtp,
    starting,
    studio,
    transfer,
    workers,
)

for module in (
    compiling,
    checks,
    composing,
    sizes,
    starting,
    memory,
    segments,
    transfer,
    ledger,
    events,
    smtp,
    sendgrid,
    studio,
    reports,
):
    module.main()
public.main(requests=500, rounds=3)
workers.main(requests=500, rounds=3)

"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import checks, compiling, composing, ledger, memory, segments, sendgrid, smtp, transfer

for module in (compiling, checks, composing, memory, segments, transfer, ledger, smtp, sendgrid):
    module.main()

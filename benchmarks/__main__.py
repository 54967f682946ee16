"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, ledger, memory, segments, sendgrid, smtp, studio, transfer

for module in (compiling, composing, memory, segments, transfer, ledger, smtp, sendgrid, studio):
    module.main()

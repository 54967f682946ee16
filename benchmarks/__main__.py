"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, ledger, memory

for module in (compiling, composing, memory, ledger):
    module.main()

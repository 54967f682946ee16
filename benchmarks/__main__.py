"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, transfer

for module in (compiling, composing, transfer):
    module.main()

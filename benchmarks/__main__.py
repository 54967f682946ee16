"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, memory, segments, smtp, transfer

for module in (compiling, composing, memory, segments, transfer, smtp):
    module.main()

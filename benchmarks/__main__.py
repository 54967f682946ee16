"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, memory, smtp

for module in (compiling, composing, memory, smtp):
    module.main()

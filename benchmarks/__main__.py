"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing

for module in (compiling, composing):
    module.main()

"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, segments

for module in (compiling, composing, segments):
    module.main()

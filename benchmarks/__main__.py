"""`make bench`: run every benchmark and print one line for each."""

from benchmarks import compiling, composing, memory, sendgrid

for module in (compiling, composing, memory, sendgrid):
    module.main()

"""`make bench`: run every benchmark and print one line for each."""

<<<<<<< HEAD
from benchmarks import compiling, composing, memory, segments, smtp, transfer

for module in (compiling, composing, memory, segments, transfer, smtp):
=======
from benchmarks import compiling, composing, memory, sendgrid

for module in (compiling, composing, memory, sendgrid):
>>>>>>> sendgrid
    module.main()

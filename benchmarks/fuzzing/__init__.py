"""Every reader of files that strangers bring, fed with broken and hostile ones.

    python -m benchmarks.fuzzing --inputs 50000 --reader all --out reports/results/fuzzing.json --scratch FOLDER

Inputs are mutations of small valid files and of what was kept because it reached a line that nothing had reached
before. They are read in child processes, which may take `LIMITS` of time and memory for one input; a child that dies
or hangs is replaced, and the input that it was at is known by its number.

Allowed are a value, or a UserError, ValueError or OSError whose message names the file. Anything else is a finding:
another exception, a dead process, too much time or memory, a file outside the target, code that a file brought.
What is done is kept below the scratch folder, so that a run goes on where it stopped; more inputs add to it.
"""

"""The bench: each figure that the program promises, beside its bound measured in the same run. `./run bench --help`."""

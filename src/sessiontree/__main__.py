"""`python -m sessiontree`."""

from sessiontree.cli import program

if __name__ == "__main__":
    program()

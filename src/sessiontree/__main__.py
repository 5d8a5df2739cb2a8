"""`python -m sessiontree`."""

from sessiontree.cli import main

if __name__ == "__main__":
    main()

"""`python -m melies`."""

from melies.cli import main

if __name__ == "__main__":
    main()

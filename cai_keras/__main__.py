"""`python -m cai_keras` is `cai`."""

from cai_keras.cli.main import main

if __name__ == "__main__":
    main()

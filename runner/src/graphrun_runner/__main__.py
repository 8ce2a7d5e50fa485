"""`python -m graphrun_runner`: the container's main process."""

from graphrun_runner.supervisor.run import main

if __name__ == "__main__":
    main()

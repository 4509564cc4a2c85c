"""The demo: a throw-away repository, a scripted amp, and sessions that show what ampsm does.

    repository(folder)   a small git repository to work on
    install(folder)      an executable `amp` that plays scenarios instead of asking a model
    plan()               the sessions of `ampsm demo`

scripted/ is a program of its own and is run, never imported. No verb and no store is known here.
"""

from ampsm_engine.demo.install import install
from ampsm_engine.demo.plan import DemoSession, plan
from ampsm_engine.demo.repository import repository

__all__ = ["DemoSession", "install", "plan", "repository"]

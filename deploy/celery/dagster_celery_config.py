"""Celery's settings of a worker. `dagster_celery.app` finds the module by its name, in PYTHONPATH.

The addresses have passwords, so they come from the environment: not from a file, and not from arguments,
which every user of the machine can read.
"""

import os

broker_url = os.environ["CELERY_BROKER_URL"]
result_backend = os.environ["CELERY_RESULT_BACKEND"]
imports = ["opensense_okta.orchestration.instance.celery"]

worker_max_tasks_per_child = (
    1  # a new process for each run: it reads the organization file as it is now
)
worker_prefetch_multiplier = 1
broker_connection_retry_on_startup = True
broker_transport_options = {"visibility_timeout": 21600}  # max_runtime_seconds of dagster.yaml
result_expires = 86400

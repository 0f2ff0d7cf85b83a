"""A night in Airflow 2 or 3: bring in, score and publish, then tell how it went.

A task may be run again whenever one likes: a delivery that is in the store is not taken twice, a night that is published is not made twice.
"""

import pendulum

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator

WHERE = {"RISKWARN_STORE": "/srv/city", "RISKWARN_LOG": "/var/log/riskwarn/jobs.jsonl", "RISKWARN_PROGRESS": "0"}
NIGHT = "{{ (data_interval_end or logical_date).in_timezone('Asia/Shanghai').to_date_string() }}"
"""The night that begins when the interval ends, in the zone of the store, so that a run of last week makes last week's night."""

with DAG(
    dag_id="riskwarn_night",
    schedule="0 4 * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=10)},
):
    ingest = BashOperator(
        task_id="ingest",
        bash_command="riskwarn ingest /srv/inbox/calls --mapping /etc/riskwarn/calls.toml --quiet",
        env=WHERE,
        append_env=True,
    )
    # a delivery that fails is a task that failed; the night is made of what there is, and says what is late.
    # 3: published, but something is lacking; the night says what. It is no failure of the task.
    night = BashOperator(
        task_id="night",
        bash_command=f"riskwarn nightly --as-of {NIGHT} --bulletin /srv/bulletins --quiet || [ $? -eq 3 ]",
        env=WHERE,
        append_env=True,
        trigger_rule="all_done",
    )
    metrics = BashOperator(
        task_id="metrics",
        bash_command="riskwarn metrics --out /var/lib/node_exporter/textfile/riskwarn.prom --quiet",
        env=WHERE,
        append_env=True,
        trigger_rule="all_done",
    )
    ingest >> night >> metrics

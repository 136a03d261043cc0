-- Optuna's studies are in the database autune; MLflow needs one of its own, for both have a table
-- alembic_version.
CREATE DATABASE mlflow;

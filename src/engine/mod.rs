//! The one path: ingest, plan, schedule, dispatch, report. Sees ports, never adapters.

// MLflow's pages keep how they look in the browser. A person's own choice stays; before the first one, they show
// models and runs, without the assistant that language models need.
"use strict";
for (const [name, value] of Object.entries({
  "mlflow.workflowType_v1": '"machine_learning"',
  "mlflow.assistant.panelOpen_v1": "false",
  "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
  "_mlflow_user_setting_dismiss_next_model_registry_ui": "false",
  "_mlflow_model_registry_promo_modal_dismissed_v1": "true",
})) {
  if (localStorage.getItem(name) === null) {
    localStorage.setItem(name, value);
  }
}

{{- define "pr.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "pr.tag" -}}{{ .Values.image.tag | default .Chart.AppVersion }}{{- end }}

{{- define "pr.labels" -}}
app.kubernetes.io/name: private-replies
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "pr.selector" -}}
app.kubernetes.io/name: private-replies
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* All workers together share an account's rate. */}}
{{- define "pr.sendWorkers" -}}
{{- $own := .Values.worker.replicas -}}
{{- if .Values.worker.autoscaling.enabled }}{{ $own = .Values.worker.autoscaling.maxReplicas }}{{ end -}}
{{- range .Values.worker.otherBuilds }}{{ $own = add $own .replicas }}{{ end -}}
{{ $own }}
{{- end }}

{{- define "pr.check" -}}
{{- if not .Values.temporal.address }}{{ fail "temporal.address: is missing; write the host and port of Temporal's frontend, such as temporal-frontend:7233" }}{{ end -}}
{{- if not .Values.secrets.name }}{{ fail "secrets.name: is missing; name the secret that holds verify_token and app_secrets" }}{{ end -}}
{{- if eq (empty .Values.accounts.claim) (empty .Values.accounts.file) }}{{ fail "accounts: give either claim, a volume for the accounts that people connect, or file, the text of an accounts file" }}{{ end -}}
{{- if eq (empty .Values.rules.claim) (empty .Values.rules.file) }}{{ fail "rules: give either claim, a volume with rules.yaml, or file, the text of a rules file" }}{{ end -}}
{{- if and .Values.worker.otherBuilds (not .Values.worker.deploymentName) }}{{ fail "worker.otherBuilds: builds may run side by side only with worker.deploymentName" }}{{ end -}}
{{- if and (has "slack_signing_secret" .Values.secrets.keys) (not .Values.desk.users) }}{{ fail "desk.users: is missing; Slack's people are those of the users file" }}{{ end -}}
{{- if not (or .Values.desk.users .Values.desk.proxy.header) }}{{ fail "desk: nobody could sign in; give users, the text of a users file, or proxy.header" }}{{ end -}}
{{- end }}

{{- define "pr.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pr.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "pr.temporal" -}}
- {name: TEMPORAL_ADDRESS, value: {{ .Values.temporal.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }}}
{{- if .Values.temporal.configSecret }}
- {name: TEMPORAL_CONFIG_FILE, value: /run/temporal/temporal.toml}
{{- end }}
- {name: PRIVATEREPLY_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
{{- with .Values.tracesEndpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* A setting whose value is the file of a secret, if the secret has it. */}}
{{- define "pr.secret" -}}
{{- if has .key .root.Values.secrets.keys }}
- {name: PRIVATEREPLY_{{ upper .key }}_FILE, value: /run/secrets/{{ .key }}}
{{- end }}
{{- end }}

{{- define "pr.settings" -}}
{{ include "pr.temporal" . }}
- {name: PRIVATEREPLY_ACCOUNTS, value: {{ if .Values.accounts.claim }}/config/accounts{{ else }}/config/accounts/accounts.yaml{{ end }}}
- {name: PRIVATEREPLY_RULES, value: /config/rules/rules.yaml}
{{- include "pr.secret" (dict "root" . "key" "encryption_keys") }}
{{- end }}

{{- define "pr.apps" -}}
{{- with .Values.apps.facebookAppID }}
- {name: PRIVATEREPLY_FACEBOOK_APP_ID, value: {{ . | quote }}}
{{- end }}
{{- with .Values.apps.facebookConfigID }}
- {name: PRIVATEREPLY_FACEBOOK_CONFIG_ID, value: {{ . | quote }}}
{{- end }}
{{- with .Values.apps.instagramAppID }}
- {name: PRIVATEREPLY_INSTAGRAM_APP_ID, value: {{ . | quote }}}
{{- end }}
{{- include "pr.secret" (dict "root" . "key" "facebook_app_secret") }}
{{- include "pr.secret" (dict "root" . "key" "instagram_app_secret") }}
{{- end }}

{{/* writes: the program changes what is connected and the rules. */}}
{{- define "pr.mounts" -}}
- {name: accounts, mountPath: /config/accounts{{ if not (and .root.Values.accounts.claim .connects) }}, readOnly: true{{ end }}}
- {name: rules, mountPath: /config/rules{{ if not (and .root.Values.rules.claim .edits) }}, readOnly: true{{ end }}}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- if .root.Values.accounts.tokensSecret }}
- {name: tokens, mountPath: /run/accounts, readOnly: true}
{{- end }}
{{- if .root.Values.temporal.configSecret }}
- {name: temporal, mountPath: /run/temporal, readOnly: true}
{{- end }}
{{- end }}

{{- define "pr.volumes" -}}
- name: accounts
  {{- if .Values.accounts.claim }}
  persistentVolumeClaim: {claimName: {{ .Values.accounts.claim }}}
  {{- else }}
  configMap: {name: {{ include "pr.name" . }}-config, items: [{key: accounts.yaml, path: accounts.yaml}]}
  {{- end }}
- name: rules
  {{- if .Values.rules.claim }}
  persistentVolumeClaim: {claimName: {{ .Values.rules.claim }}}
  {{- else }}
  configMap: {name: {{ include "pr.name" . }}-config, items: [{key: rules.yaml, path: rules.yaml}]}
  {{- end }}
- name: secrets
  secret:
    secretName: {{ .Values.secrets.name }}
    defaultMode: 0440
    items: {{- range .Values.secrets.keys }}
      - {key: {{ . }}, path: {{ . }}}
    {{- end }}
{{- if .Values.accounts.tokensSecret }}
- name: tokens
  secret: {secretName: {{ .Values.accounts.tokensSecret }}, defaultMode: 0440}
{{- end }}
{{- if .Values.temporal.configSecret }}
- name: temporal
  secret: {secretName: {{ .Values.temporal.configSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "pr.usersMount" -}}
{{- if .Values.desk.users }}
- {name: users, mountPath: /config/users, readOnly: true}
{{- end }}
{{- end }}

{{- define "pr.usersVolume" -}}
{{- if .Values.desk.users }}
- name: users
  configMap: {name: {{ include "pr.name" . }}-config, items: [{key: users.yaml, path: users.yaml}]}
{{- end }}
{{- end }}

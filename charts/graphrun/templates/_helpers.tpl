{{/* Names of everything start with the release's, or <release>-graphrun where that does not say graphrun. */}}
{{- define "graphrun.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object; takes a dict of root and component. */}}
{{- define "graphrun.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "graphrun.selector" . }}
{{- end -}}

{{/* What selects the pods of a component. */}}
{{- define "graphrun.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "graphrun.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "graphrun.postgresSecret" -}}
{{ .Values.postgres.existingSecret.name | default (printf "%s-postgres" (include "graphrun.fullname" .)) }}
{{- end -}}

{{- define "graphrun.storageSecret" -}}
{{ .Values.storage.existingSecret.name | default (printf "%s-storage" (include "graphrun.fullname" .)) }}
{{- end -}}

{{/* Restricted Pod Security, and what of it belongs to the container. */}}
{{- define "graphrun.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "graphrun.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Placement of a component's pods; takes the component's values. */}}
{{- define "graphrun.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The API's environment. */}}
{{- define "graphrun.apiEnv" -}}
- name: GRAPHRUN_PORT
  value: "8080"
- name: GRAPHRUN_RUNNER_PORT
  value: "8081"
- name: GRAPHRUN_LOG_LEVEL
  value: {{ .Values.api.logLevel | quote }}
- name: GRAPHRUN_POSTGRES_DSN
  valueFrom:
    secretKeyRef:
      name: {{ include "graphrun.postgresSecret" . }}
      key: {{ ternary .Values.postgres.existingSecret.key "dsn" (not (empty .Values.postgres.existingSecret.name)) }}
- name: GRAPHRUN_HISTORY_EVENTS_SECONDS
  value: {{ .Values.history.eventsSeconds | int64 | quote }}
- name: GRAPHRUN_HISTORY_RUNS_SECONDS
  value: {{ .Values.history.runsSeconds | int64 | quote }}
- name: GRAPHRUN_HISTORY_TOKENS_SECONDS
  value: {{ .Values.history.tokensSeconds | int64 | quote }}
- name: GRAPHRUN_HISTORY_STREAMS_SECONDS
  value: {{ .Values.history.streamsSeconds | int64 | quote }}
- name: GRAPHRUN_CORS_ORIGINS
  value: {{ join "," .Values.api.corsOrigins | quote }}
{{- with .Values.api.oidc }}
{{- if .issuer }}
- name: GRAPHRUN_OIDC_ISSUER
  value: {{ .issuer | quote }}
- name: GRAPHRUN_OIDC_AUDIENCE
  value: {{ .audience | quote }}
- name: GRAPHRUN_OIDC_USERNAME_CLAIM
  value: {{ .usernameClaim | quote }}
- name: GRAPHRUN_OIDC_USERNAME_PREFIX
  value: {{ .usernamePrefix | quote }}
- name: GRAPHRUN_OIDC_GROUPS_CLAIM
  value: {{ .groupsClaim | quote }}
- name: GRAPHRUN_OIDC_GROUPS_PREFIX
  value: {{ .groupsPrefix | quote }}
{{- end }}
{{- end }}
- name: GRAPHRUN_STORAGE_ENDPOINT
  value: {{ .Values.storage.endpoint | trimSuffix "/" | quote }}
- name: GRAPHRUN_STORAGE_BUCKET
  value: {{ .Values.storage.bucket | quote }}
- name: GRAPHRUN_STORAGE_PREFIX
  value: {{ .Values.storage.prefix | quote }}
- name: GRAPHRUN_STORAGE_REGION
  value: {{ .Values.storage.region | quote }}
- name: GRAPHRUN_STORAGE_RETENTION_SECONDS
  value: {{ .Values.storage.retentionSeconds | int64 | quote }}
- name: GRAPHRUN_STORAGE_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "graphrun.storageSecret" . }}
      key: {{ ternary .Values.storage.existingSecret.accessKeyKey "accessKey" (not (empty .Values.storage.existingSecret.name)) }}
- name: GRAPHRUN_STORAGE_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "graphrun.storageSecret" . }}
      key: {{ ternary .Values.storage.existingSecret.secretKeyKey "secretKey" (not (empty .Values.storage.existingSecret.name)) }}
{{- end -}}

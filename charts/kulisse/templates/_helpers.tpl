{{/* Name of the chart, or what replaces it. */}}
{{- define "kulisse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* First part of the names of the chart's objects. Cut to leave room for the longest suffix. */}}
{{- define "kulisse.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "kulisse.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Name of the operator's account. */}}
{{- define "kulisse.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kulisse.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The operator's account as the API server names it. */}}
{{- define "kulisse.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "kulisse.serviceAccountName" . }}
{{- end -}}

{{/* Labels by which the operator's Pod is found. */}}
{{- define "kulisse.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kulisse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "kulisse.labels" -}}
{{ include "kulisse.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The operator's image. */}}
{{- define "kulisse.image" -}}
{{- $reference := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- with .Values.image.digest -}}
{{- $reference = printf "%s@%s" $reference . -}}
{{- end -}}
{{- $reference -}}
{{- end -}}

{{/* The operator's account as a subject of bindings. */}}
{{- define "kulisse.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "kulisse.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Whether operators elect one that works. */}}
{{- define "kulisse.elects" -}}
{{- if gt (int .Values.replicaCount) 1 }}true{{ end -}}
{{- end -}}

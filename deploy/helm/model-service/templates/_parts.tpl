{{/* What a schema can't say of two values. */}}
{{- define "model.check" -}}
{{- $least := ternary (int .Values.autoscaler.minReplicas) (int .Values.replicas) .Values.autoscaler.enabled -}}
{{- if and .Values.autoscaler.enabled (gt $least (int .Values.autoscaler.maxReplicas)) -}}
{{- fail "autoscaler: minReplicas is above maxReplicas" -}}
{{- end -}}
{{- if and .Values.disruptionBudget.enabled (ge (int .Values.disruptionBudget.minAvailable) $least) -}}
{{- fail (printf "disruptionBudget: minAvailable must be below the %d replicas that there are at least, or no node can be drained" $least) -}}
{{- end -}}
{{- if and (eq .Values.store "memory") (or .Values.autoscaler.enabled (gt $least 1)) -}}
{{- fail "store: memory is not shared by replicas; take redis, or one replica without the autoscaler" -}}
{{- end -}}
{{- $requested := include "model.mebibytes" .Values.resources.requests.memory -}}
{{- if gt (int $requested) (int (include "model.mebibytes" .Values.resources.limits.memory)) -}}
{{- fail "resources: more memory is requested than the limit allows" -}}
{{- end -}}
{{- end }}

{{/* Mebibytes of an amount, which is in Mi or Gi. */}}
{{- define "model.mebibytes" -}}
{{ mul (regexFind "[0-9]+" .) (ternary 1024 1 (hasSuffix "Gi" .)) }}
{{- end }}

{{- define "model.selector" -}}
app.kubernetes.io/name: model-service
{{- end }}

{{- define "model.common" -}}
app.kubernetes.io/part-of: mlops
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "model.pod" -}}
serviceAccountName: model-service
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "model.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "model.egress" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* A job. Takes root, name, schedule, late, seconds, retries, failure, script, resources, writes, and a further claim. */}}
{{- define "model.job" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ .name }}
  labels:
    app.kubernetes.io/name: model-pipeline
    {{- include "model.common" .root | nindent 4 }}
spec:
  schedule: {{ .schedule | quote }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {{ .late }}
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: {{ .retries }}
      {{- with .failure }}
      podFailurePolicy:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      activeDeadlineSeconds: {{ .seconds }}
      template:
        metadata:
          labels:
            app.kubernetes.io/name: model-pipeline
            app.kubernetes.io/part-of: mlops
        spec:
          restartPolicy: Never
          {{- include "model.pod" .root | nindent 10 }}
          containers:
            - name: pipeline
              image: {{ .root.Values.images.pipeline }}
              workingDir: /work
              command: [sh, -ceu]
              args:
                - |
                  {{- .script | nindent 18 }}
              envFrom:
                - secretRef: {name: {{ .root.Values.secrets.pipeline }}}
              env:
                - {name: HOME, value: /work}
                - name: ENVIRONMENT
                  valueFrom:
                    configMapKeyRef: {name: checkout, key: environment}
              resources:
                {{- toYaml .resources | nindent 16 }}
              {{- include "model.container" .root | nindent 14 }}
              volumeMounts:
                - {name: work, mountPath: /work}
                - {name: tmp, mountPath: /tmp}
                - {name: scripts, mountPath: /scripts, readOnly: true}
                - {name: serving, mountPath: /serving{{ if not .writes }}, readOnly: true{{ end }}}
                {{- with .decisions }}
                - {name: decisions, mountPath: /decisions, readOnly: true}
                {{- end }}
          volumes:
            - name: work
              emptyDir: {sizeLimit: 20Gi}
            - name: tmp
              emptyDir: {sizeLimit: 1Gi}
            - name: scripts
              configMap: {name: checkout}
            - name: serving
              persistentVolumeClaim: {claimName: serving{{ if not .writes }}, readOnly: true{{ end }}}
            {{- with .decisions }}
            - name: decisions
              persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
            {{- end }}
{{- end }}

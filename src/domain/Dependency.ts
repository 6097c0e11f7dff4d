import { Option } from "effect"
import { parseRepositoryUrl } from "./RepositoryUrl.ts"
import type { Reason } from "./errors/PipelineError.ts"
import type { Project } from "./Project.ts"
import type { ModelChoice } from "./Route.ts"
import type { StepName } from "./Status.ts"

/** Something outside that work cannot go on without. What an incident is about, and a circuit. */
export type Dependency = string

export const providerOf = ({ provider }: ModelChoice): Dependency => `provider:${provider}`

export const forgeOf = (_project: Project): Dependency => "forge"

/** The host that a project's code is on, or its folder. */
export const remoteOf = ({ repository }: Project): Dependency => {
  const { remoteUrl } = repository
  return `remote:${Option.match(parseRepositoryUrl(remoteUrl), { onNone: () => remoteUrl, onSome: ({ host }) => host })}`
}

/** The forge's REST interface, as its layer names operations; everything else that is unreachable is a git remote. */
const isRest = /^(?:GET|POST|PUT|PATCH|DELETE) /

/** Where a failure is the other side's, which other side that is; none where waiting is not for a dependency. */
export const blamed = (
  step: StepName,
  reason: Reason,
  project: Project,
  provider: Dependency | undefined
): Option.Option<Dependency> => {
  switch (reason._tag) {
    case "RemoteUnreachable":
      return Option.some(isRest.test(reason.evidence.operation) ? forgeOf(project) : remoteOf(project))
    case "ForgeFailed":
      return Option.some(forgeOf(project))
    case "ProviderOverloaded":
    case "ProviderUnavailable":
    case "ModelsExhausted":
      return Option.fromUndefinedOr(provider)
    case "RateLimited":
    case "CircuitOpen":
      return step === "generating" || step === "applying"
        ? Option.fromUndefinedOr(provider)
        : Option.some(forgeOf(project))
    case "TimedOut":
      return hung(step, reason.operation, project, provider)
    default:
      return Option.none()
  }
}

/** Who did not answer in time, by what was being done. A step's own limit, and what stays here, blame nobody. */
const hung = (
  step: StepName,
  operation: string,
  project: Project,
  provider: Dependency | undefined
): Option.Option<Dependency> => {
  if (/^git (fetch|push|ls-remote)$/.test(operation)) return Option.some(remoteOf(project))
  if (/^[A-Z]+ \//.test(operation)) return Option.some(forgeOf(project))
  return (step === "generating" || step === "applying") && operation.startsWith("asking ")
    ? Option.fromUndefinedOr(provider)
    : Option.none()
}

import { DateTime } from "effect"
import type { OrderStory } from "../domain/OrderStory.ts"
import { isSettled } from "../domain/Status.ts"

/** What to do now, in words, and the commands for it. */
export interface Next {
  readonly hint: string
  readonly commands: ReadonlyArray<string>
}

const look = ({ view }: OrderStory) => `moose status ${view.order.id}`
const others = (tag: string) => `moose errors --reason ${tag} --since 24h`

const beforeItBegins = (story: OrderStory): Next => {
  const { project, workers } = story
  if (project.mode === "off") {
    return {
      hint: "The project is switched off, so nothing in it is begun. Switch it on.",
      commands: [`moose project set ${project.id} --mode on`]
    }
  }
  if (workers === 0) {
    return { hint: "No worker is running. Start one.", commands: ["moose worker"] }
  }
  if (project.running >= project.concurrency) {
    return {
      hint: `Nothing to do: ${project.running} orders of its project run already, and it is next when one ends.`,
      commands: [look(story), `moose project set ${project.id} --concurrency ${project.concurrency + 1}`]
    }
  }
  return { hint: "Nothing to do: a worker takes it when it has room.", commands: [look(story)] }
}

const whileItWaits = (story: OrderStory): Next => {
  const { waiting, project } = story
  const what = waiting?.for ?? ""
  const goesOn = "Nothing has to be done: it goes on by itself when the wait is over"
  if (what.startsWith("budget:")) {
    return {
      hint: `${goesOn}. To go on sooner, raise the project's limit for the day.`,
      commands: [`moose project set ${project.id} --daily-usd <dollars>`]
    }
  }
  if (what.startsWith("project:")) {
    return {
      hint: "The project was switched off on the way. Switch it on.",
      commands: [`moose project set ${project.id} --mode on`]
    }
  }
  return {
    hint: `${goesOn}, or as soon as ${what === "" ? "the other side" : what} works for somebody else. See whether it is down.`,
    commands: ["moose doctor", ...(waiting?.tag == null ? [] : [others(waiting.tag)])]
  }
}

const whileItRuns = (story: OrderStory): Next => {
  const { execution, now, workers } = story
  const lease = execution?.leaseUntil ?? null
  const lost = lease !== null && DateTime.toEpochMillis(lease) < DateTime.toEpochMillis(now)
  if (execution?.cancelRequested === true) {
    return { hint: "It is being cancelled and cleaned up. Wait for it.", commands: [look(story)] }
  }
  if (lost || execution?.host == null) {
    return workers === 0
      ? {
          hint: "Nobody works on it: its worker is gone. Start one, and it goes on where it was.",
          commands: ["moose worker"]
        }
      : {
          hint: "Nobody works on it at this moment; a worker takes it over by itself.",
          commands: [look(story)]
        }
  }
  return { hint: "Nothing to do: it is being worked on.", commands: [look(story)] }
}

const doctorHelps = new Set(["configuration", "ambiguous", "transient"])

const afterAFailure = (story: OrderStory): Next => {
  const { view, failure, resources } = story
  const hint = failure?.hint ?? view.failure?.hint ?? ""
  const tag = failure?.tag ?? view.failure?.tag
  const doubtful = resources.filter(({ state }) => state === "intended" || state === "held")
  const byHand =
    view.disposition === "manual_intervention_required" && doubtful.length > 0
      ? `First look after what could not be cleaned up: ${doubtful.map(({ kind, name }) => `${kind.replace("_", " ")} ${name}`).join(", ")}. Then: `
      : ""
  const again = `moose retry ${view.order.id}`
  return {
    hint: `${byHand}${hint === "" ? "Read what happened, and submit the work again." : hint}`,
    commands: [
      `moose escalations list --order ${view.order.id}`,
      again,
      ...(doctorHelps.has(failure?.category ?? "") ? ["moose doctor"] : []),
      look(story),
      ...(tag === undefined ? [] : [others(tag)])
    ]
  }
}

/** What to do now about an order, whatever it is in the middle of. */
export const nextOf = (story: OrderStory): Next => {
  const { status, pullRequest, paused, order } = story.view
  if (paused && !isSettled(status)) {
    return { hint: "Somebody has paused it. Let it go on.", commands: [`moose resume ${order.id}`] }
  }
  switch (status) {
    case "pending":
      return beforeItBegins(story)
    case "waiting":
      return whileItWaits(story)
    case "needs_review":
      return {
        hint: "It waits for somebody's decision. See what can be chosen, and what it costs.",
        commands: [`moose escalations list --order ${story.view.order.id}`]
      }
    case "completed":
      return pullRequest === null
        ? { hint: "Nothing: it is done, in shadow. The change is on its branch.", commands: [] }
        : { hint: `Review the pull request: ${pullRequest.url}`, commands: [] }
    case "cancelled":
      return {
        hint: "Nothing: it was cancelled. Submit the work again if it is wanted.",
        commands: [look(story)]
      }
    default:
      return isSettled(status) ? afterAFailure(story) : whileItRuns(story)
  }
}

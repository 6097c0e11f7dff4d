import type { Entry, StepRules } from "../domain/policies/Catalogue.ts"
import type { Action, Decider, Rollback } from "../domain/policies/Recovery.ts"

const rollbackWords: Record<Rollback, string> = {
  undo: "undoes everything the order made; commits are kept in quarantine",
  keep: "keeps what was paid for, so that a later run publishes it"
}

const deciderWords: Record<Decider, string> = {
  system: "Moose itself",
  client_manager: "the Client Manager",
  human: "a person"
}

const time = (ms: number): string =>
  ms >= 60_000 && ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`

const delays = (all: ReadonlyArray<number>): string => all.map(time).join(", ")

const actionWords = (action: Action, { retries, retryDelaysMs }: Entry): string => {
  switch (action) {
    case "retry": {
      const where = retries === "recognised" ? " where the evidence shows that it passes" : ""
      return `tries again after ${delays(retryDelaysMs)}${where}`
    }
    case "next_model":
      return "asks the next model"
    case "smaller_request":
      return "asks for less"
    case "repair":
      return "shows the model what was wrong"
    case "wait":
      return "waits, which costs no attempt, until it may have passed"
    case "ask":
      return "asks somebody how to go on, and waits for the answer"
  }
}

/** What Moose does about one failure, in order. */
export const doneAbout = (entry: Entry): string => {
  const actions = entry.actions.map((action) => actionWords(action, entry))
  return [...actions, "gives the step up"].join(", then ")
}

const stepWords = ({ status, retryDelaysMs, retryDeadlineMs, jitter, rollback }: StepRules): string =>
  `An order whose step is given up becomes \`${status}\`, and Moose ${rollbackWords[rollback]}. ` +
  `What is tried again is tried after ${delays(retryDelaysMs)}, each up to ${jitter * 100} % shorter or longer, ` +
  `and never later than ${time(retryDeadlineMs)} after the step began.`

const meaningWords = ({ meaning }: Entry): string =>
  [
    meaning.category,
    `blame ${meaning.blame}`,
    `severity ${meaning.severity}`,
    meaning.retryable ? "can succeed unchanged" : "cannot succeed unchanged",
    `side effect ${meaning.sideEffect}`
  ].join(", ")

const plain = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const entryMarkdown = (entry: Entry): string =>
  [
    `### ${entry.step}: ${entry.reason}`,
    ["```text", entry.sample, "```"].join("\n"),
    [
      `- Is: ${meaningWords(entry)}.`,
      `- Moose: ${doneAbout(entry)}. Then ${deciderWords[entry.decides]} decides.`,
      `- To do: ${plain(entry.meaning.hint)}`
    ].join("\n")
  ].join("\n\n")

const introduction = `# Failures

Every way in which a step can fail, what it means and what is done about it. Made from the tables in
\`src/domain/policies\` by \`moose failures --markdown\`; \`npm run check:docs\` compares the two.

Where a classifier recognises the evidence (\`moose classify\`), what it found is more exact than the row here,
and decides.`

/** The catalogue as `docs/failures.md`. */
export const toMarkdown = (steps: ReadonlyArray<StepRules>): string =>
  `${[
    introduction,
    ...steps.flatMap((rules) => [`## ${rules.step}`, stepWords(rules), ...rules.failures.map(entryMarkdown)])
  ].join("\n\n")}\n`

/** The catalogue for a terminal. */
export const toText = (steps: ReadonlyArray<StepRules>): string =>
  steps
    .map((rules) =>
      [
        `${rules.step} (${rules.status}); ${rollbackWords[rules.rollback]}`,
        ...rules.failures.flatMap((entry) => [
          `  ${entry.reason.padEnd(22)} ${meaningWords(entry)}`,
          `  ${"".padEnd(22)} Moose ${doneAbout(entry)}; then ${deciderWords[entry.decides]} decides`,
          `  ${"".padEnd(22)} ${entry.meaning.hint}`
        ])
      ].join("\n")
    )
    .join("\n\n")

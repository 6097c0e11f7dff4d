import { Option, Schema } from "effect"
import type { Evidence } from "../../domain/errors/Evidence.ts"
import { type Classifier, classify } from "../../domain/failures/Classified.ts"

/** What a classifier makes of raw evidence, as a part of `Evidence`; nothing where the evidence cannot be read. */
export const conditionOf = <Input>(
  classifier: Classifier<Input>,
  operation: string,
  raw: unknown
): Pick<Evidence, "condition"> =>
  Option.match(Schema.decodeUnknownOption(classifier.input)(raw), {
    onNone: () => ({}),
    onSome: (input) => {
      const { tag, category, blame, severity, retryable, sideEffect, hint } = classify(
        classifier,
        operation,
        input
      )
      return { condition: { tag, category, blame, severity, retryable, sideEffect, hint } }
    }
  })

import { classifierOf } from "./llm/Classifier.ts"

/** Failures of the chat and responses interfaces: OpenAI's own, Azure's, and those of compatible servers and gateways. */
export const classifier = classifierOf("openai")

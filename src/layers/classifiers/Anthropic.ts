import { classifierOf } from "./llm/Classifier.ts"

/** Failures of the Messages interface: Anthropic's own, and those of Bedrock, Vertex and gateways that serve it. */
export const classifier = classifierOf("anthropic")

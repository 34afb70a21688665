// Calls an OpenAI- and an Anthropic-compatible server with the vendors' own
// clients and prints what they made of the answers, one JSON document a line.
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";

const base = process.env.BASE_URL;
const key = process.env.API_KEY;
const openai = new OpenAI({ baseURL: base + "/v1", apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0, defaultHeaders: { "x-api-key": key } });
const messages = [{ role: "user", content: "Write a subject line for the spring sale." }];

const calls = {
  async chat() {
    return await openai.chat.completions.create({ model: "gpt-4o", messages });
  },
  async chatStream() {
    const stream = await openai.chat.completions.create({
      model: "gpt-4o-mini", messages, stream: true, stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  },
  async chatStreamWithoutUsage() {
    const stream = await openai.chat.completions.create({ model: "gpt-4o-mini", messages, stream: true });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  },
  async embeddings() {
    return await openai.embeddings.create({ model: "text-embedding-3-small", input: ["spring", "sale"] });
  },
  async responses() {
    return await openai.responses.create({ model: "gpt-4.1", input: "Hello" });
  },
  async responsesStream() {
    const stream = await openai.responses.create({ model: "gpt-4.1", input: "Hello", stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
  },
  async models() {
    const ids = [];
    for await (const m of openai.models.list()) ids.push(m.id);
    return ids;
  },
  async unknownModel() {
    return await openai.chat.completions.create({ model: "no-such-model", messages });
  },
  async badBody() {
    return await openai.chat.completions.create({ model: "gpt-4o", messages: "not a list" });
  },
  async timeout() {
    return await openai.chat.completions.create({ model: "gpt-4o", messages }, { timeout: 300, headers: { "X-Mock-Latency": "20s" } });
  },
  async abortInMidStream() {
    const abort = new AbortController();
    const stream = await openai.chat.completions.create(
      { model: "gpt-4o", messages, stream: true },
      { signal: abort.signal, headers: { "X-Mock-Gap": "20ms", "X-Mock-Tokens": "1000" } },
    );
    let n = 0;
    try {
      for await (const chunk of stream) if (++n === 3) abort.abort();
    } catch (e) {
      return { n, aborted: e.constructor.name };
    }
    return { n };
  },
  async message() {
    return await anthropic.messages.create({ model: "claude-sonnet-4-5", max_tokens: 100, messages });
  },
  async messageStream() {
    const stream = await anthropic.messages.create({ model: "claude-haiku-4-5", max_tokens: 100, messages, stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
  },
  async messageError() {
    return await anthropic.messages.create({ model: "no-such-model", max_tokens: 10, messages });
  },
};

for (const [name, call] of Object.entries(calls)) {
  let line;
  try {
    line = { name, result: await call() };
  } catch (e) {
    line = { name, error: e.constructor.name, status: e.status, body: e.error };
  }
  console.log(JSON.stringify(line));
}

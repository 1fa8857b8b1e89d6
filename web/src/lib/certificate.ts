/** What a certificate says, of what the page shows. */
export interface Statement {
  case: string;
  right: string;
  controller: string;
  received_on: string;
  due_on: string;
  closed_at: string;
  outcome: string;
  plan_digest?: string;
  last_byte_by?: string;
  nodes: { number: number; kind: string; dataset: string; service?: string; outcome?: string; count?: number; ground?: string; until?: string; effective_by?: string }[];
}

/**
 * Reads the statement inside a certificate, a DSSE envelope. It verifies
 * nothing: that is for a program of the reader's own. Null when it cannot be
 * read.
 */
export function statement(json: string): Statement | null {
  try {
    const { payload } = JSON.parse(json) as { payload: string };
    const raw = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    const found = JSON.parse(new TextDecoder().decode(raw)) as Statement;
    return Array.isArray(found.nodes) ? found : null;
  } catch {
    return null;
  }
}

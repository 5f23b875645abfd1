import type { Quota } from './quota.ts';
import type { RequestEvent } from '../http/server-event.ts';

/** Counts requests for Prometheus (its text format, version 0.0.4). */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();
  #receivedBytes = 0;
  #sentBytes = 0;

  count({ method, status, receivedBytes, sentBytes }: RequestEvent): void {
    const labels = `method="${knownMethod(method)}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#receivedBytes += receivedBytes;
    this.#sentBytes += sentBytes;
  }

  print(quota: Quota | undefined): string {
    const lines = [
      ...family('cairn_rest_requests_total', 'counter', 'Requests answered.'),
      ...Array.from(this.#requests, ([labels, count]) => `cairn_rest_requests_total{${labels}} ${count}`),
      ...family('cairn_rest_received_bytes_total', 'counter', 'Bytes of uploads.'),
      `cairn_rest_received_bytes_total ${this.#receivedBytes}`,
      ...family('cairn_rest_sent_bytes_total', 'counter', 'Bytes of downloads and listings.'),
      `cairn_rest_sent_bytes_total ${this.#sentBytes}`,
    ];
    if (quota !== undefined) {
      lines.push(
        ...family('cairn_rest_quota_bytes', 'gauge', 'Bytes that all repositories may take.'),
        `cairn_rest_quota_bytes ${quota.maxBytes}`,
        ...family('cairn_rest_quota_used_bytes', 'gauge', 'Bytes that they take.'),
        `cairn_rest_quota_used_bytes ${quota.usedBytes}`,
      );
    }
    return lines.join('\n');
  }
}

function family(name: string, type: 'counter' | 'gauge', help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** Only words from here: a label that clients choose would grow without end. */
function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].includes(method) ? method : 'other';
}

import type { MessageView, ViewSection } from './message-view.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => entities[character] ?? character);
}

const colors = { info: '#2e7d32', warning: '#b26a00', error: '#c62828' } as const;

/** A message as the HTML of an e-mail: no images, nothing from elsewhere, readable without styles. */
export function viewHtml(view: MessageView): string {
  return [
    '<!doctype html><html><body style="font-family:sans-serif">',
    `<h2 style="color:${colors[view.severity]}">${escapeHtml(view.title)}</h2>`,
    ...view.sections.map(sectionHtml),
    '</body></html>',
  ].join('\n');
}

function sectionHtml({ heading, facts, lines }: ViewSection): string {
  const rows = facts.map(
    ([label, value]) => `<tr><td style="padding-right:1em">${escapeHtml(label)}</td><td>${escapeHtml(value)}</td></tr>`,
  );
  return [
    ...(heading === undefined ? [] : [`<h3>${escapeHtml(heading)}</h3>`]),
    ...(rows.length === 0 ? [] : [`<table>${rows.join('')}</table>`]),
    ...(lines.length === 0 ? [] : [`<p>${lines.map(escapeHtml).join('<br>')}</p>`]),
  ].join('\n');
}

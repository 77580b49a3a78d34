// csv.js - a table that is only on the page, as a file. What the server lists it also gives as CSV itself.

/* A spreadsheet runs what starts like a formula; sites and accounts come from outside. */
function cell(value) {
	const text = String(value ?? '');
	const safe = typeof value !== 'number' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
	return /["\n\r,]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** columns: [{ name }], as for table(). */
export function download(name, columns, rows) {
	const lines = [columns.map((c) => c.name), ...rows.map((row) => columns.map((c) => row[c.name]))];
	const file = new Blob([lines.map((l) => `${l.map(cell).join(',')}\r\n`).join('')], { type: 'text/csv' });
	const link = document.createElement('a');
	link.href = URL.createObjectURL(file);
	link.download = `${name}.csv`;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

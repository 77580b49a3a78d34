// live.js - what happens, as it happens: one stream of server-sent events for whichever view is open.
//
// A view listens while it is shown. After a break everything is asked for anew ('changed' without an event), as nobody
// knows what was missed.
import { resume, session } from './api.js';

const listeners = new Set();
let source = null;
let broken = false;

/** fn({ type, event }): type is 'journal' (with the event), 'failures', 'deliveries', or 'reload'. Returns a function that ends it. */
export function listen(fn) {
	listeners.add(fn);
	return () => listeners.delete(fn);
}

const tell = (news) => { for (const fn of [...listeners]) fn(news); };

function show(state, text) {
	const sign = document.getElementById('live');
	sign.dataset.state = state;
	sign.textContent = text;
}

export function connect() {
	disconnect();
	source = new EventSource('/admin/api/v1/stream');
	source.addEventListener('open', () => {
		show('on', 'Live');
		if (broken) tell({ type: 'reload' });
		broken = false;
	});
	source.addEventListener('error', lost);
	source.addEventListener('journal', (e) => tell({ type: 'journal', event: JSON.parse(e.data) }));
	source.addEventListener('failures', () => tell({ type: 'failures' }));
	source.addEventListener('deliveries', () => tell({ type: 'deliveries' }));
	source.addEventListener('reload', () => tell({ type: 'reload' }));
}

let retry;
async function lost() {
	broken = true;
	show('lost', 'Reconnecting');
	if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
	clearTimeout(retry);
	retry = setTimeout(async () => {
		if (!source) return;
		try {
			if (await resume()) connect();
			else session.dispatchEvent(new Event('out'));
		} catch { lost(); }
	}, 3000);
}

export function disconnect() {
	clearTimeout(retry);
	source?.close();
	source = null;
	show('off', 'Not live');
}

"""Mail that comes back, in the forms in which servers write it; the sentences are our own."""

from __future__ import annotations

DATE = "Sat, 11 Apr 2026 10:00:00 +0000"


def original(delivery: str, token: str = "") -> str:
    """The header of one of our messages, as it comes back."""
    link = f"List-Unsubscribe: <https://news.example.com/unsubscribe/{token}>\n" if token else ""
    return (
        "Received: from press.example.com by mx.example.org; Sat, 11 Apr 2026 09:59:58 +0000\n"
        "From: Test Letter <letter@example.com>\nTo: reader1@example.com\nSubject: A plain issue\n"
        f"Message-ID: <{delivery}@example.com>\n{link}MIME-Version: 1.0\n"
    )


def dsn(
    to: str,
    back: str,
    *,
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <reader1@example.com>: no such mailbox",
    action: str = "failed",
    recipient: str = "reader1@example.com",
    date: str = DATE,
    more: str = "",
) -> bytes:
    """As Postfix writes it (RFC 3464), with the mark of an automatic answer that it bears."""
    return (
        f"Return-Path: <>\nDelivered-To: {to}\nDate: {date}\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.org>\n"
        f"To: {to}\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n{more}"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="edge"\n\n'
        "--edge\nContent-Type: text/plain\n\nThe mail could not be brought to one of its readers; see below.\n\n"
        "--edge\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; {recipient}\nAction: {action}\n"
        f"Status: {status}\nDiagnostic-Code: {diagnostic}\n\n"
        f"--edge\nContent-Type: text/rfc822-headers\n\n{back}\n--edge--\n"
    ).encode()


def exchange(to: str, back: str) -> bytes:
    """As Exchange Online writes it: a report whose own words say more than its code."""
    return dsn(
        to,
        back,
        status="5.1.10",
        diagnostic="smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; recipient reader1@example.com is not known here",
    )


def gmail(to: str, back: str) -> bytes:
    """As Gmail writes it: several lines in the code, folded, and a full mailbox."""
    return dsn(
        to,
        back,
        status="5.2.2",
        diagnostic="smtp; 552-5.2.2 The mailbox of this reader is full. Please ask them to\n"
        " make some room, and send it again. 552 5.2.2 - gsmtp",
    )


def exim(to: str, back: str) -> bytes:
    """As Exim writes it without a report: a field with the address, and words."""
    return (
        f"Return-path: <>\nEnvelope-to: {to}\nDate: {DATE}\nX-Failed-Recipients: reader1@example.com\n"
        "Auto-Submitted: auto-replied\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.org>\n"
        f"To: {to}\nSubject: Mail delivery failed: returning message to sender\n\n"
        "One reader could not be reached.\n\n"
        "  reader1@example.com\n    host mx.example.org [192.0.2.9]\n"
        "    SMTP error from remote mail server after RCPT TO:<reader1@example.com>:\n"
        "    550 5.1.1 nobody of this name here\n\n"
        f"------ This is a copy of the message's headers. ------\n\n{back}\n"
    ).encode()


def qmail(to: str, back: str) -> bytes:
    """As qmail writes it: QSBMF (https://cr.yp.to/proto/qsbmf.txt), which begins with words that are fixed."""
    return (
        f"Return-Path: <>\nDelivered-To: {to}\nDate: {DATE}\nFrom: MAILER-DAEMON@mx.example.org\nTo: {to}\n"
        "Subject: failure notice\n\n"
        "Hi. This is the qmail-send program at mx.example.org.\nI could not bring your message to these addresses.\n\n"
        "<reader1@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        f"--- Below this line is a copy of the message.\n\n{back}\n"
    ).encode()


def arf(to: str, back: str, *, kind: str = "abuse", more: str = "") -> bytes:
    """A complaint (RFC 5965)."""
    return (
        f"Return-Path: <fbl@mail.example.net>\nDate: {DATE}\nFrom: Feedback <fbl@mail.example.net>\nTo: {to}\n"
        "Subject: A reader did not want this\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="edge"\n\n'
        "--edge\nContent-Type: text/plain\n\nA reader marked this message.\n\n"
        f"--edge\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Box/1.0\nVersion: 1\n{more}\n"
        f"--edge\nContent-Type: message/rfc822\n\n{back}\n(the text was taken out)\n--edge--\n"
    ).encode()


def away(to: str) -> bytes:
    """An answering machine (RFC 3834)."""
    return (
        f"Return-Path: <>\nDelivered-To: {to}\nDate: {DATE}\nFrom: Reader One <reader1@example.com>\nTo: {to}\n"
        "Subject: Away until Monday: user unknown until then\nAuto-Submitted: auto-replied\n\n"
        "I am away. <reader1@example.com>: 550 5.1.1 user unknown is what you will not see.\n"
    ).encode()

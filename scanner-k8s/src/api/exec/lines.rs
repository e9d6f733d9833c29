//! Conversations line by line, for a command that answers each line with one and ends with its standard input.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::{
    ExecStream,
    channel::{STATUS, STDERR, STDIN, STDOUT},
    error::ExecError,
    status::evaluate,
};

/// Longest line.
const MAX_LINE: usize = 4096;

impl ExecStream {
    /// Sends one line and gives the next line of standard output, for a command that answers line
    /// by line and ends with its standard input.
    ///
    /// # Errors
    ///
    /// Fails when no line comes in time, it is too long, or the command ended.
    pub async fn ask(&mut self, line: &str, limit: Duration) -> Result<String, ExecError> {
        let asked = async {
            let mut message = vec![STDIN];
            message.extend_from_slice(line.as_bytes());
            message.push(b'\n');
            self.tally.sent(&message[1..]);
            self.send(message).await?;
            self.line().await
        };
        tokio::time::timeout(limit, asked)
            .await
            .unwrap_or(Err(ExecError::TooLate))
    }

    /// Ends a stream of [`ExecStream::ask`] that did what it was for, and closes it.
    pub async fn done(mut self) {
        self.tally.end(None);
        self.close().await;
    }

    async fn line(&mut self) -> Result<String, ExecError> {
        let mut stderr = Vec::new();
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let message = match self.socket.next().await {
                None | Some(Ok(Message::Close(_))) => return Err(ExecError::Cut),
                Some(Err(error)) => return Err(ExecError::ConnectionFailed(Box::new(error))),
                Some(Ok(Message::Binary(message))) => message,
                Some(Ok(_)) => continue,
            };
            if let Some((channel, data)) = message.split_first() {
                self.tally.received(*channel, data);
            }
            match message.split_first() {
                Some((&STDOUT, data)) if self.unread.len() + data.len() > MAX_LINE => {
                    return Err(ExecError::TooLong(MAX_LINE as u64));
                }
                Some((&STDOUT, data)) => self.unread.extend_from_slice(data),
                Some((&STDERR, data)) if stderr.len() < MAX_LINE => {
                    stderr.extend_from_slice(data);
                }
                Some((&STATUS, data)) => {
                    self.takes_input = false;
                    evaluate(data, &stderr)?;
                    return Err(ExecError::Cut);
                }
                _ => {}
            }
        }
    }
}
